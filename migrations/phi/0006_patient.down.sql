-- Takes back 0006: who was merged into whom and which numbers were given is lost.
drop schema patient cascade;
