"""The report as XLSX and CSV. The same quarter asked twice gives the same bytes: nothing says when it was made."""

from __future__ import annotations

import csv
import io
from datetime import datetime, time
from typing import Literal

from hub.reports.queries import Report
from hub.reports.sheets import Cell, heading, sheets, standing

Format = Literal["csv", "xlsx"]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def file_name(report: Report, form: Format) -> str:
    return f"mou-report-{report.organization.identifier}-{report.period.quarter}.{form}"


def write(report: Report, form: Format) -> bytes:
    return as_xlsx(report) if form == "xlsx" else as_csv(report)


def safe(text: str) -> str:
    """A cell that a spreadsheet would take for a formula is kept a text."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(cell: Cell) -> str:
    return safe("" if cell.value is None else str(cell.value))


def as_csv(report: Report) -> bytes:
    """The tables one under another, each with its name and headers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(heading(report))])
    writer.writerow([standing(report)])
    for sheet in sheets(report):
        writer.writerow([])
        writer.writerow([sheet.caption])
        writer.writerow([safe(header) for header in sheet.headers])
        writer.writerows([[_plain(cell) for cell in row] for row in sheet.rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def as_xlsx(report: Report) -> bytes:
    import xlsxwriter  # type: ignore[import-untyped]  # large: loaded by whoever asks for such a file, not at each start

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(out, options)
    # Without a fixed day the file would say when it was made.
    created = datetime.combine(report.period.quarter.end, time())
    book.set_properties({"title": heading(report), "comments": standing(report), "created": created})
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    title = book.add_format({"bold": True, "font_size": 13})
    percent = book.add_format({"num_format": "0%"})
    for sheet in sheets(report):
        page = book.add_worksheet(sheet.name)
        page.write_string(0, 0, heading(report), title)
        page.write_string(1, 0, f"{sheet.caption} {standing(report)}.")
        for column, header in enumerate(sheet.headers):
            page.write_string(3, column, header, bold)
            page.set_column(column, column, 14 if column in sheet.numeric else 28)
        for number, row in enumerate(sheet.rows, start=4):
            for column, cell in enumerate(row):
                if isinstance(cell.value, str):
                    page.write_string(number, column, cell.value)
                elif cell.value is not None:
                    page.write_number(number, column, cell.value, percent if cell.percent else None)
        page.freeze_panes(4, 1)
        page.repeat_rows(3)
        page.set_landscape()
        page.fit_to_pages(1, 0)
    book.close()
    return out.getvalue()
