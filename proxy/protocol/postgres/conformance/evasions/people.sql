-- Ways to people.mail and people.pan. The grammar is told at Read in case.go.

--- people plain
select mail, pan from people;
