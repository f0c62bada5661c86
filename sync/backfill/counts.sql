-- Of each file: rows of which something lands, rows of which something was rejected, opt-outs that count at as_of.
select
    sources.file,
    (select count(distinct line) from statements where statements.file = sources.file),
    (select count(distinct line) from rejects where rejects.file = sources.file),
    (select count(*) from statements where statements.file = sources.file and detail = 'undated')
from sources;
