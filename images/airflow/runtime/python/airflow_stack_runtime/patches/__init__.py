"""What replaces parts of Airflow that no option reaches."""
