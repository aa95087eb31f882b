"""Health probes of the roles."""
