"""The networks of students: ids of one text or two → logits."""
