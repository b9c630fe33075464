from django.core.management.base import BaseCommand

from members.models import Member


class Command(BaseCommand):
    help = "Read every member, and check every IBAN"

    def handle(self, **options):
        members = 0
        for member in Member.objects.iterator():
            number = int(member.name.removeprefix("Member "))
            assert member.iban == f"DE{number:020}", member.name
            members += 1
        self.stdout.write(f"{members} members, all readable")
