"""What requests and answers of the API look like: the models that read the ones and describe both."""
