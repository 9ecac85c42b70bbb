"""What people look at: contact sheets, explanations, summaries. They read datasets and rules, and decide nothing."""
