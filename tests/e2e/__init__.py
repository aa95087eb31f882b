"""The real thing: containers, a browser, the engine. `pytest -m docker` runs it, `-m 'not docker'` leaves it out."""
