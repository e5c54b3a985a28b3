"""What the report shows of each kind of task: the teacher's answers, and how alike a student's are."""
