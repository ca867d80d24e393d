"""The platform on one machine: what ``spotopt up`` starts, watches, tells about and stops.

Two processes. The *supervisor* (``supervise``) imports no Ray: it holds the data folder, keeps PostgreSQL and Redis
running, prepares the database, and keeps the *platform process* (``platform``) running, which starts Ray, the actors
and the gateway, and reports through its standard output. When any of them dies, it is started again; what was accepted
is in PostgreSQL, so nothing of it is lost.
"""
