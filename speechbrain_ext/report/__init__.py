"""Results, figures, tables and the report page."""
