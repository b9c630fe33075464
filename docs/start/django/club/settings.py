import os

SECRET_KEY = "for a tutorial only"
USE_TZ = True
INSTALLED_APPS = ["members"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Host, port, user and password come from PGHOST, PGPORT, PGUSER and PGPASSWORD.
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "book_club"}}

# The first key encrypts. Every key in the list decrypts.
FERNET_KEYS = os.environ["FERNET_KEYS"].split(",")
