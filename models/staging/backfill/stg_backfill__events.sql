{{ statements('backfill') }}
