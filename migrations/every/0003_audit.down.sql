-- Takes the audit trail away. Never run where the law asks for the trail to be kept.

drop schema audit cascade;
