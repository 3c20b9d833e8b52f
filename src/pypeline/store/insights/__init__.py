"""
Questions about many runs at once: what a dashboard shows and a metrics page counts.

``base`` is the port, ``sql_insights`` its implementation on SQL; each of the others is one kind of question.
Nothing here writes, nothing reads more than a stated number of rows.
"""
