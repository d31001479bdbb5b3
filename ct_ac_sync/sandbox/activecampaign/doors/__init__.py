"""The REST doors of the look-alike under ``/api/3``, and the control doors of its account."""
