"""`contact-sync report`: one page that shows whether opt-outs are obeyed."""
