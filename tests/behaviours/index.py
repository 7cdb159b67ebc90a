"""Which tests hold which rule: behaviours of the service, the traps met elsewhere, and the promises of docs/reliability.md.

A test is named by its file below `tests/`, without `test_` and `.py`, and its name without `test_`.
"""

from __future__ import annotations

ROWS: dict[str, tuple[str, ...]] = {
    "another name replaces, and the preview states the downtime": (
        "resources/deployment_guards::another_name_replaces_and_the_traffic_stays_until_the_new_one_is_there",
        "resources/gateway_life::another_name_gives_the_old_one_up_only_after_the_new_one_is_there",
        "resources/capacity_claim_life::with_an_explicit_name_the_old_claim_goes_first_and_the_preview_says_so",
    ),
    "everything else changes in place, by the complete spec": (
        "resources/deployment_life::a_change_is_made_in_place_by_one_complete_patch",
        "engine/first_days::a_change_of_one_weight_is_one_patch_with_the_complete_spec_and_touches_no_other_deployment",
    ),
    "the same program twice changes nothing": (
        "resources/deployment_life::the_same_program_twice_sends_nothing_also_after_a_refresh",
        "engine/first_days::a_new_stack_goes_up_as_its_first_preview_showed_and_the_next_run_sends_no_write",
    ),
    "what is cleared is sent as its default and stays cleared": (
        "resources/deployment_life::fields_that_are_cleared_are_sent_as_their_defaults_and_stay_cleared",
    ),
    "another engine does not take the old engine's version": (
        "resources/deployment_life::the_version_is_kept_until_the_engine_changes",
    ),
    "0.22.0+crwv.2 is a version, v1.2.3 is none": (
        "spec/faults::a_broken_limit_is_one_fault_that_says_what_is_wrong",
        "spec/faults::what_the_service_takes_is_right",
    ),
    "READY (previous revision) does not count": (
        "resources/readiness_life::only_what_was_written_is_waited_for_and_a_stale_ready_does_not_count",
    ),
    "a creation counts before its object is ready": (
        "resources/deployment_life::a_creation_sends_every_field_and_does_not_wait",
    ),
    "a disabled deployment settles without READY, and not on what it showed before": (
        "engine/claims::a_disabled_deployment_settles_without_ever_being_ready",
        "behaviours/stale_disabled::a_disabled_deployment_that_still_shows_its_last_work_has_not_settled",
    ),
    "FAILED while being created keeps the id and shows the conditions": (
        "engine/failures::a_deployment_without_a_policy_fails_the_run_stays_in_the_state_and_is_fixed_by_the_policy",
    ),
    "FAILED after a change shows in the next preview, and a run tries again": (
        "engine/failures::a_failed_change_is_fixed_by_the_weights_by_another_path_and_by_taking_it_back",
        "resources/readiness_life::a_failure_stays_a_difference_and_a_later_run_sends_the_spec_once_more",
    ),
    "a blip does not end a wait": (
        "resources/readiness_life::a_blip_during_the_wait_does_not_end_it",
        "resources/removal::a_blip_does_not_end_the_wait",
    ),
    "a lost answer is adopted by its id": (
        "engine/crashes::a_lost_answer_to_the_post_is_settled_within_the_run",
        "engine/crashes::a_lost_answer_that_cannot_be_looked_into_is_settled_by_the_next_run",
        "resources/creation::a_lost_answer_is_found_by_its_id_and_makes_no_second_object",
    ),
    "our id is brought to the declared spec, a name of others is refused": (
        "resources/creation::our_own_id_from_a_run_that_died_is_adopted_and_brought_up_to_date",
        "resources/creation::a_name_in_use_is_refused_with_how_to_proceed",
    ),
    "a deletion waits for the 404 whatever is shown before": (
        "resources/deployment_guards::a_deployment_in_any_state_is_deleted_and_waited_for",
        "resources/removal::a_status_of_the_first_look_does_not_end_the_wait",
    ),
    "missing is success where it is proven, and a failed read keeps the state": (
        "resources/deployment_guards::a_delete_of_what_is_missing_succeeds_when_it_is_proven_deleted",
        "resources/deployment_guards::a_read_that_fails_keeps_the_state",
        "resources/session::an_empty_account_proves_nothing",
    ),
    "a key that is never returned is no difference, and a rotated one is one PATCH": (
        "resources/gateway_guards::a_rotated_key_is_one_patch_and_a_key_that_is_never_returned_is_no_difference",
        "engine/secrets::token_secret_keys_and_declared_secrets_are_found_nowhere",
    ),
    "a server alone is valid, a key alone is not": (
        "spec/faults::a_weights_and_biases_server_may_stand_alone_and_a_key_may_not",
    ),
    "exactly one auth and one routing": ("spec/faults::a_gateway_needs_exactly_one_auth_and_one_routing",),
    "a DNS name that the service kept is reported": (
        "resources/gateway_life::a_name_that_is_taken_out_is_reported_once_and_not_tried_again",
    ),
    "zones in other case are no difference": (
        "spec/normal_form::zones_are_written_in_upper_case_and_keep_the_users_order",
    ),
    "a claim's count changes in place, all else replaces": (
        "resources/capacity_claim_life::a_count_that_grows_is_one_patch_of_resources_without_a_name",
        "resources/capacity_claim_life::what_cannot_change_replaces_the_claim_and_the_new_one_comes_first",
    ),
    "a slow claim is not replaced, and the next run goes on waiting": (
        "behaviours/stopping::each_object_has_its_own_deadline_and_slow_is_never_replaced",
        "engine/claims::a_claim_without_hardware_fails_the_run_at_its_deadline_and_the_next_run_waits_on_for_the_same_claim",
    ),
    "an enum that the service renamed replaces nothing": (
        "resources/capacity_claim_life::two_ways_of_writing_one_value_are_no_change",
        "behaviours/other_services::a_life_is_the_same_whether_zero_values_are_emitted_and_whether_unknown_fields_are_refused",
    ),
    "a bucket that exists is adopted again, adopted when a killed run left it, or refused": (
        "resources/bucket_life::a_bucket_with_this_stacks_tag_is_adopted",
        "resources/bucket_life::an_empty_bucket_of_the_last_hour_is_adopted_if_an_earlier_run_recorded_the_account",
        "resources/bucket_life::what_is_not_ours_is_refused_and_left_as_it_is",
    ),
    "one CreateBucket only, whatever its answer": (
        "storage/buckets::a_creation_without_an_answer_counts_when_the_bucket_is_then_there",
        "storage/buckets::a_creation_without_an_answer_in_another_zone_is_refused",
        "storage/buckets::a_creation_that_failed_is_sent_once_and_raised_when_no_bucket_shows_up",
    ),
    "a young bucket answers strangely, a bad name fails at once": (
        "storage/strange_answers::a_new_bucket_may_answer_400_then_invalid_region_then_404_before_it_is_ready",
        "storage/strange_answers::a_bad_name_fails_at_once_although_its_head_answers_as_a_young_bucket_does",
    ),
    "no tags in any form": (
        "storage/buckets::a_bucket_without_tags_has_an_empty_map_of_them",
        "resources/bucket_life::no_tags_in_any_form_are_one",
    ),
    "a policy survives in every form": (
        "policy/documents::spelling_and_order_make_no_difference",
        "policy/documents::another_meaning_is_a_difference",
        "policy/statements::statements_of_others_stay_as_they_are_and_where_they_are",
    ),
    "the policy of a bucket that is left goes": (
        "resources/bucket_policy_life::another_bucket_replaces_the_policy_and_the_old_bucket_is_left_without_it",
    ),
    "a policy that is there is never overwritten": (
        "resources/bucket_policy_life::statements_of_others_survive_a_change_and_the_end",
        "resources/bucket_policy_life::a_first_policy_needs_to_declare_who_stays_in",
    ),
    "what is no policy is refused before it is put": (
        "policy/documents::a_document_that_is_no_policy_is_refused_with_what_is_wrong",
    ),
    "a refused quota is not hammered and is shown": (
        "api/repeats::a_refused_quota_is_sent_once_and_shows_its_violations",
        "resources/capacity_claim_life::a_refused_quota_is_sent_once_with_the_services_words_and_what_to_do",
    ),
    "unknown inputs give no false errors": (
        "resources/deployment_life::unknown_blocks_skip_their_checks_in_a_preview",
        "provider_process/protocol::unknowns_of_a_preview_give_no_errors_and_stay_unknown",
    ),
    "a catalogue that cannot be read is a warning": (
        "resources/session::parameters_are_asked_for_once_and_a_failure_is_a_warning",
    ),
    "ambient AWS settings have no influence": ("storage/isolation::no_ambient_setting_has_an_influence",),
    "two tokens share no keys": ("storage/isolation::two_connections_with_two_tokens_use_two_keys",),
    "an import previews empty": (
        "behaviours/import::imported_objects_of_every_kind_keep_their_ids_and_the_first_preview_is_empty",
        "importing/import_runs::fifty_objects_of_every_kind_come_in_with_an_empty_preview_and_no_write",
    ),
    "a destroy goes in order, and a bucket with contents gives a choice": (
        "engine/teardown::a_stack_goes_down_in_order_with_requests_in_flight_served_and_comes_back_to_its_kept_bucket",
        "resources/bucket_life::an_empty_bucket_goes_and_a_full_one_needs_force_destroy",
    ),
}

TRAPS: dict[str, tuple[str, ...]] = {
    "a state that is not saved before the wait": (
        "engine/crashes::a_deployment_is_adopted_after_its_provider_was_killed_right_after_the_post_whatever_this_clock_says",
    ),
    "a stale READY, a disabled deployment, a deletion that refuses FAILED": (
        "resources/readiness_life::only_what_was_written_is_waited_for_and_a_stale_ready_does_not_count",
        "engine/teardown::a_stack_of_failed_deployments_can_be_destroyed",
    ),
    "a slow creation that the next run destroys": (
        "engine/claims::a_claim_without_hardware_fails_the_run_at_its_deadline_and_the_next_run_waits_on_for_the_same_claim",
    ),
    "an empty plan after a failed rollout": (
        "resources/readiness_life::a_failure_stays_a_difference_and_a_later_run_sends_the_spec_once_more",
    ),
    "a refused quota sent eleven times": ("api/retries::what_will_not_pass_is_not_repeated",),
    "many ways of not being set": (
        "spec/normal_form::a_service_that_writes_zeros_and_one_that_leaves_them_out_have_one_normal_form",
        "spec/normal_form::no_traffic_an_empty_block_and_weight_zero_are_one",
    ),
    "observed fields in a diff": (
        "resources/deployment_life::the_same_program_twice_sends_nothing_also_after_a_refresh",
    ),
    "a renamed enum that replaces": (
        "resources/capacity_claim_life::two_ways_of_writing_one_value_are_no_change",
    ),
    "a list of engines in the client": (
        "resources/versions::what_is_offered_is_read_from_the_parameters_and_missing_parts_mean_unknown",
    ),
    "a plan blocked by the catalogue, one call per resource": (
        "resources/session::parameters_are_asked_for_once_and_a_failure_is_a_warning",
    ),
    "validation of unknown values": ("spec/faults::what_is_not_known_yet_is_not_judged",),
    "policy conditions dropped": (
        "policy/decisions::a_condition_that_is_not_understood_neither_allows_nor_refuses",
        "policy/documents::another_meaning_is_a_difference",
    ),
    "secrets in a log": (
        "engine/secrets::token_secret_keys_and_declared_secrets_are_found_nowhere",
        "api/client::no_secret_of_the_request_is_in_an_error_even_when_the_service_repeats_it",
    ),
    "token prefix, proxies, user agent": (
        "settings/sources::a_token_is_taken_verbatim_whatever_its_prefix",
        "api/against_the_simulator::a_proxy_of_the_environment_is_used",
        "api/client::a_request_carries_the_token_verbatim_one_user_agent_and_a_plain_content_type",
    ),
    "an error without the service's words": (
        "api/errors::an_error_without_words_says_so",
        "api/errors::details_may_be_missing_empty_or_strange",
    ),
    "the version of the engine before": (
        "resources/deployment_life::the_version_is_kept_until_the_engine_changes",
    ),
    "a bucket changed in place that keeps its policy": (
        "resources/bucket_policy_life::another_bucket_replaces_the_policy_and_the_old_bucket_is_left_without_it",
    ),
}

PROMISES: dict[str, tuple[str, ...]] = {
    "nothing lost, nothing twice, never ready when it is not": (
        "faults/campaign::nothing_is_lost_doubled_or_orphaned_in_a_short_campaign",
    ),
    "what a crash left is found, also when it is no longer declared": (
        "running/crashes::a_killed_run_is_repaired_and_an_object_no_longer_declared_is_deleted",
        "behaviours/forgotten::an_object_whose_provider_was_killed_is_found_although_it_is_no_longer_declared",
        "behaviours/forgotten::what_the_service_refused_is_not_looked_for",
    ),
    "two runs at once": (
        "behaviours/two_runs_at_once::two_stacks_that_go_up_at_once_lose_none_of_their_statements_in_the_policy_of_their_bucket",
        "behaviours/two_runs_at_once::an_object_that_another_stack_made_is_refused_by_its_name_and_left_as_it_is",
        "engine/environments::dev_and_prod_live_side_by_side_and_destroying_dev_leaves_prods_statement_as_it_was",
        "behaviours/two_runs_at_once::a_key_whose_object_lives_on_under_an_alias_cannot_be_used_for_a_second_object_of_the_same_name",
    ),
    "deadlines and Ctrl-C": (
        "behaviours/stopping::ctrl_c_ends_a_waiting_cw_inference_up_within_two_seconds_whatever_the_poll",
        "behaviours/stopping::the_first_ctrl_c_lets_a_pulumi_up_wait_on_and_the_second_ends_it_with_nothing_lost",
        "running/crashes::ctrl_c_ends_the_waits_and_the_next_run_goes_on",
    ),
    "large and hostile answers": (
        "behaviours/hostile_answers::a_list_of_five_thousand_deployments_of_others_is_read_in_a_second_or_two",
        "api/errors::a_message_of_a_megabyte_is_cut",
        "api/errors::a_body_that_is_too_long_to_be_worth_parsing_is_cut_unparsed",
        "behaviours/hostile_answers::escape_codes_in_a_condition_do_not_reach_the_terminal",
    ),
    "large and hostile declarations": (
        "spec/declaration/document::a_file_that_cannot_be_read_is_one_clear_fault",
    ),
    "tokens and endpoints": (
        "settings/sources::a_token_that_cannot_be_sent_is_refused_without_showing_it",
        "settings/sources::a_token_in_clear_in_the_configuration_is_refused_even_when_another_is_used",
        "settings/endpoints::every_other_url_is_refused_naming_its_source",
        "api/repeats::a_redirect_is_not_followed",
        "api/repeats::a_certificate_that_does_not_hold_is_not_asked_again",
        "api/against_the_simulator::a_proxy_of_the_environment_is_used",
    ),
    "states of earlier versions": (
        "states/written_states::a_state_that_a_version_wrote_previews_empty_and_can_be_destroyed",
        "engine/drift::a_state_stays_quiet_under_a_later_version_whose_deployments_have_one_more_optional_field",
    ),
    "a misspelt field would be seen": (
        "behaviours/hostile_answers::a_misspelt_name_of_a_field_in_the_client_is_caught_by_reading_back",
    ),
    "other services": (
        "behaviours/other_services::a_life_is_the_same_whether_zero_values_are_emitted_and_whether_unknown_fields_are_refused",
    ),
    "retries": (
        "api/retries::what_may_pass_is_repeated",
        "api/retries::a_post_without_an_id_of_ours_is_never_repeated",
        "api/repeats::retry_after_is_obeyed",
        "api/repeats::trouble_that_lasts_is_not_repeated_after_the_budget",
    ),
}
