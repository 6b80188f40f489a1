CREATE TABLE public.customers (
    id    integer PRIMARY KEY,
    name  text NOT NULL,
    email text NOT NULL,
    phone text,
    card  text,
    city  text NOT NULL,
    note  text
);
INSERT INTO public.customers VALUES
    (1, 'Ada Brandt',    'ada.brandt@example.com',  '+49 30 5550 1234', '4111 1111 1111 1111', 'Berlin',  'prefers mornings'),
    (2, 'Bela Kovacs',   'bela@kovacs.example',     '+36 1 555 0199',   '5500 0000 0000 0004', 'Budapest', 'also writes from b.kovacs@mail.example'),
    (3, 'Chidi Okafor',  'chidi.okafor@example.org', '+234 1 555 0142', '3400 000000 00009',   'Lagos',   'refund to DE89 3704 0044 0532 0130 00'),
    (4, 'Dina Haddad',   'dina@haddad.example',     NULL,               NULL,                  'Amman',   NULL);

CREATE TABLE public.orders (
    id          integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES public.customers (id),
    item        text NOT NULL,
    amount      numeric(10, 2) NOT NULL,
    placed      date NOT NULL
);
INSERT INTO public.orders VALUES
    (101, 1, 'desk lamp',  49.90, '2026-10-02'),
    (102, 2, 'office chair', 219.00, '2026-10-05'),
    (103, 2, 'office chair', 219.00, '2026-10-05'),
    (104, 3, 'standing desk', 640.00, '2026-10-11'),
    (105, 4, 'monitor arm', 89.50, '2026-10-19');

GRANT USAGE ON SCHEMA public TO crew_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO crew_app;
ALTER TABLE public.customers OWNER TO crew_app;
ALTER TABLE public.orders OWNER TO crew_app;
