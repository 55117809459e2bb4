"""What a trained model is asked: a model and data in, a result that turns into JSON out."""
