"""The HTML kit: pages, forms, paging, flash, error pages, headers. Knows no feature."""
