-- Takes the record store away, with every record in it.

drop schema record cascade;
