"""What runs in the Airflow containers beside Airflow.

``boot`` starts a role and ends it, ``probes`` say how it is, ``verbs`` are the programs that are run beside it, and
``patches`` replace what no option of Airflow reaches. Here stand what several of them share, and what Airflow's options
name by its path: `celery_config`, `metric_names`, `task_runner`.
"""
