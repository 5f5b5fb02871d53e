"""Visual inspection: pages, answers, merged labels."""
