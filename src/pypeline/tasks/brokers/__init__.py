"""
How attempts travel: messages and queues, who publishes and reads them, and what a broker says of itself.

It knows no worker and no handler, and asks no database.
"""
