"""The ``spotopt`` command, a file per subcommand."""
