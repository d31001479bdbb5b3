"""
Our metrics on Flower's ``/metrics``: it shows whatever is registered in its process.

Workers and beats register too, and nobody asks them; a connection is opened only then.
"""

from ct_ac_sync.metrics import register
from workers.app import settings

register(settings.database_url, lease=settings.lease)
