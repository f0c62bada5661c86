{{ statements('adopt') }}
