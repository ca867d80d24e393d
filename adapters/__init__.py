"""Every contact with something outside: files of Kubernetes objects, a live cluster, the EC2 catalogue, AWS.

Translates foreign shapes into ``domain`` values and foreign errors into ``domain.errors``. Each adapter is an
interface, the real one, and where it has state an in-memory twin that passes the same tests. Imports ``domain`` only.
"""
