"""Celery: receives ids, calls a use case.  Nothing that must survive lives here."""
