"""PostgreSQL and Redis from wheels, run as servers of our own inside one data folder, for machines without either.

``folder`` owns the folder and its lock, ``server`` starts and stops, ``postgres`` and ``redis`` know their server,
``supervisor`` starts again what died. Data is never deleted; what a killed server had accepted is there again.
"""
