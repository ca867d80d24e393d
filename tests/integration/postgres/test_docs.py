"""The guide names every table as the database does."""

from pathlib import Path

import asyncpg

GUIDE = Path(__file__).parents[3] / "docs" / "data.md"
BEGIN = "<!-- tables: begin (checked against the database by a test) -->\n"
END = "<!-- tables: end -->"
TABLES = """
    SELECT relname, obj_description(oid) AS comment, relrowsecurity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'alembic_version' ORDER BY relname
"""


async def test_the_guide_tells_of_every_table_in_the_words_of_the_database(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(TABLES)
    assert all(row["comment"] for row in rows)
    lines = [f"| `{r['relname']}` | {'tenant' if r['relrowsecurity'] else ''} | {r['comment']} |\n" for r in rows]
    wanted = "".join(["| table | rows of | what it holds |\n", "|---|---|---|\n", *lines])
    _, _, rest = GUIDE.read_text(encoding="utf-8").partition(BEGIN)
    assert rest.partition(END)[0] == wanted
