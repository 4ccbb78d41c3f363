"""Views as rows, for comparing those that followed live with those that were rebuilt."""

from projections.read_models import ReadModels

Rows = dict[str, list[tuple[object, ...]]]


def every_row(models: ReadModels) -> Rows:
    """All tables but the checkpoints, row by row."""
    db = models.views.read()
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name != 'checkpoints'").fetchall()
    return {table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for (table,) in tables}
