"""The model is read from the bottom up: no module of it needs one that needs it, for its types alone neither."""

from __future__ import annotations

import grimp


def test_the_model_has_no_import_circle() -> None:
    """Rule: of config's modules, none imports what imports it, on whatever way, `TYPE_CHECKING` included."""
    graph = grimp.build_graph("airflow_stack", cache_dir=None)
    model = {module for module in graph.modules if module.startswith("airflow_stack.config")}
    assert len(model) > 15
    circles = {
        (module, imported)
        for module in model
        for imported in graph.find_modules_directly_imported_by(module) & model
        if graph.chain_exists(importer=imported, imported=module)
    }
    assert circles == set()
