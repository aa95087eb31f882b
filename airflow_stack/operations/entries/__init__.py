"""Connections, variables and pools: between files and the place where a stack's Airflow finds them."""
