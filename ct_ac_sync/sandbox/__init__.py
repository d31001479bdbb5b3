"""
Look-alikes of both vendors over HTTP on loopback, and the launcher of embedded servers.

They serve the demo, the tests, a developer's laptop and a user's CI.  Nothing here
imports anything of the product but its errors, so that product and look-alike cannot
agree by sharing code.
"""
