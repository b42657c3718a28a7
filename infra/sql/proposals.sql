-- proposal_save: a new proposal; it fails while the same one is open
insert into ledger.proposal (proposal, act, state, retiree, subject, due, until, terms)
values (%(proposal)s, %(act)s, %(state)s, %(retiree)s, %(subject)s, %(due)s, %(until)s, %(terms)s)

-- proposal_change: how it stands now
update ledger.proposal set state = %(state)s, due = %(due)s, until = %(until)s, terms = %(terms)s, changed_at = clock_timestamp()
where proposal = %(proposal)s

-- proposal_lock: one proposal, held until the end of the transaction
select terms from ledger.proposal where proposal = %(proposal)s for update

-- proposal_find: one proposal
select terms from ledger.proposal where proposal = %(proposal)s

-- proposal_page: proposals of some acts by id, of a state and about somebody where these are given; about nobody, those of a division
select terms from ledger.proposal
where proposal > %(after)s and act = any(%(acts)s::text[]) and (%(state)s::text is null or state = %(state)s)
  and (%(retiree)s::uuid is null or retiree = %(retiree)s)
  and (retiree is not null or coalesce(terms #>> '{made,division}' ^@ %(division)s::text, true))
order by proposal limit %(limit)s

-- proposal_over: those whose time is over by a day, held
select terms from ledger.proposal
where state in ('proposed', 'approved') and until < %(day)s order by proposal for update skip locked limit 100

-- proposal_due: approved erasures whose day has come
select proposal from ledger.proposal
where state = 'approved' and act = 'person.erase' and due <= %(day)s and until >= %(day)s order by due, proposal

-- proposal_approved: an approved proposal for an act and a subject whose day has come, held
select terms from ledger.proposal
where act = %(act)s and subject = %(subject)s and state = 'approved' and due <= %(day)s and until >= %(day)s
order by proposal for update limit 1

-- hold_save: a hold
insert into ledger.legal_hold (hold, retiree, by, reason, basis) values (%(hold)s, %(retiree)s, %(by)s, %(reason)s, %(basis)s)

-- hold_find: one that lies
select hold, retiree, by, reason, basis, placed_at from ledger.legal_hold where hold = %(hold)s and lifted_at is null

-- hold_lift: it lies no more; nothing where it did not
update ledger.legal_hold set lifted_by = %(by)s, lifted_at = clock_timestamp() where hold = %(hold)s and lifted_at is null

-- holds_of: those that lie on some records
select hold, retiree, by, reason, basis, placed_at from ledger.legal_hold
where lifted_at is null and (%(retirees)s::uuid[] is null or retiree = any(%(retirees)s::uuid[])) order by placed_at, hold

-- retiree_known: whether somebody is a retiree of this ledger, and not erased
select from ledger.retiree_key where retiree = %(retiree)s

-- letters_kept: dead letters whose bytes are here, after one
select place, sealed from ledger.dead_letter where sealed is not null and place > %(after)s order by place limit %(limit)s

-- erase: see migration 0024
select ledger.erase(%(proposal)s, %(records)s::uuid[])
