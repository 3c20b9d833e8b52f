"""
What a folder of documents holds, as a pipeline.

``handlers`` has the functions that sermos.yaml names. Beneath it: ``places`` (which folder, which files,
where the report goes), ``counting`` (words, sentences, terms) and ``drawing`` (the chart).
"""
