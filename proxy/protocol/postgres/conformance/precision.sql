-- Ordinary statements. After the name stand the result columns that masks
-- change, or "nothing"; " or refused" allows a refusal.

--- people star: mail,pan
select * from people order by id;
