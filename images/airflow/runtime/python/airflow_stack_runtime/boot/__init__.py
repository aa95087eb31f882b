"""How a role starts and ends: initialization, launch, and what its process does before and after Airflow's own code."""
