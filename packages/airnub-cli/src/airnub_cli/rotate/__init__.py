"""`airnub rotate`: a new password for a database of the system that Compose runs."""
