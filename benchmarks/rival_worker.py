"""The door to `rivals`: ``celery -A rival_worker worker``."""

import os

from celery_dyrygent.tasks import register_workflow_processor

from rivals import make_app

app = make_app(os.environ)
register_workflow_processor(app, ignore_result=True)
