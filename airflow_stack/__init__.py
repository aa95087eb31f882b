"""Deploy Apache Airflow from one validated config model, with Docker on a machine or on AWS."""

__version__ = "0.1.0"
