"""Connections, variables and pools."""
