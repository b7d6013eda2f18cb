"""All tables, as they are first released."""

from importlib import import_module
from pkgutil import iter_modules

from alembic import op

from cloud.storage import tables
from cloud.storage.tables.metadata import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table that stands in cloud/storage/tables."""
    for module in iter_modules(tables.__path__):
        import_module(f"{tables.__name__}.{module.name}")
    metadata.create_all(op.get_bind())
