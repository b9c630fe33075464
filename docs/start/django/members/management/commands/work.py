import time

from django.core.management.base import BaseCommand

from members.models import Member

from .add_members import new_member


class Command(BaseCommand):
    help = "The application at work: adds and changes members for some seconds"

    def add_arguments(self, parser):
        parser.add_argument("seconds", type=float)

    def handle(self, *, seconds, **options):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            new_member(Member.objects.count() + 1).save()
            member = Member.objects.order_by("?").first()
            member.notes = f"Called at {time.time():.0f}"
            member.save()
            time.sleep(0.02)
