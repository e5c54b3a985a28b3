"""Encoders of Hugging Face: fine-tuned as teachers, shortened or made small as students."""
