"""The runtime in the Airflow image, without Airflow: stand-ins play what it imports of Airflow and Celery."""
