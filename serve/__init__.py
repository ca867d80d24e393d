"""What the outside calls: the command line, what it prints and writes, and the shapes it reads."""
