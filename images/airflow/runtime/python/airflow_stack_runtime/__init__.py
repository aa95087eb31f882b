"""What runs in the Airflow containers beside Airflow: start, initialization, health probes, preloading."""
