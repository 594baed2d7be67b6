"""Talking to servers: what is allowed, how often, how long, and one transfer."""
