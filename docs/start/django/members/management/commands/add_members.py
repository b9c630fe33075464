from django.core.management.base import BaseCommand

from members.models import Member


def new_member(number):
    notes = f"Pays in month {number % 12 + 1}" if number % 4 else None
    return Member(name=f"Member {number}", iban=f"DE{number:020}", notes=notes)


class Command(BaseCommand):
    help = "Add members"

    def add_arguments(self, parser):
        parser.add_argument("count", type=int)

    def handle(self, *, count, **options):
        Member.objects.bulk_create([new_member(n) for n in range(1, count + 1)], batch_size=1000)
